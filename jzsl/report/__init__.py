"""What a person looks at: progress bars and tables."""

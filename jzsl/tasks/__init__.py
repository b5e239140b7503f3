"""What a method is asked about test samples: which of them, among which classes, and how the answer is scored."""

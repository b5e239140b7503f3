"""Zero-shot methods. Each counts a sample as often as the pool says and knows no test label."""

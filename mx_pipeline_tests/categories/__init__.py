"""What was bought: products, categories, rules, overrides."""

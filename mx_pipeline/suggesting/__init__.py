"""A model per merchant suggests what a product is: from names of products alone, never from a person's."""

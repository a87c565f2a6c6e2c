"""What a service is bolted onto: frameworks, and not one word of service levels."""

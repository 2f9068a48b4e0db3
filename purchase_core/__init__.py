"""Purchase: the billing runtime that an application embeds."""

"""What is played where: drawing matches, and finding game servers for them."""

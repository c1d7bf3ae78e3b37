"""What the documentation makes while it is built: pictures of all layers, and the pages of the reference."""

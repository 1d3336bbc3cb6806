"""What a file says of its own origin: Content Credentials, and the notes that cameras and generators leave."""

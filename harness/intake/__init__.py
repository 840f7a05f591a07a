"""What a candidate hands in: archives and folders in, regular files out. None of their bytes is ever run here."""

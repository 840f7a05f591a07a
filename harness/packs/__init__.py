"""What a company gives a candidate: one file, built by an allow-list, recorded, and compared with what comes back."""

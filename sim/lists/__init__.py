"""What a list of devices tells: its reading, ages of last contacts, a forecast, what earlier lists add."""

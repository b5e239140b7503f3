"""Where programs run: devices and processes, memory and time."""

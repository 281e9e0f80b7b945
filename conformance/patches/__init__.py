"""The tests of the emulator patches, pointed at an account."""

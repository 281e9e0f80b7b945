"""The parts of a stage, each with its options and how they are written in the words of AWS's API."""

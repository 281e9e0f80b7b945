"""What becomes of the calls that the steps make to AWS, on demand: a step is killed, refused, or gets no answer."""

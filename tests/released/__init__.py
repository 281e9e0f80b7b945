"""A sample of what each schema version wrote: today's code must read them all."""

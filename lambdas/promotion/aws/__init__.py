"""What every capability needs of AWS: sessions, scoped sessions, error codes, concurrent calls, work lists."""

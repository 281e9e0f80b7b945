"""What every capability needs of AWS: sessions, scoped sessions, concurrent calls, lists in the hub's bucket."""

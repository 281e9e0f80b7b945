"""What every stack does alike: IAM conditions, retention, alarms, accepted findings."""

"""The whole promotion, from StartExecution to its end, in virtual time: real handlers, real definition."""

"""The limits that AWS sets to what CloudFormation gets: checked after synthesis, on the templates themselves."""

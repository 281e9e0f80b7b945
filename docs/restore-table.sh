# Restores a table of the hub to a point in time, under its name. No promotion may run. Run it step by step, with the
# credentials of the hub account.

# 1. DynamoDB restores into a new table. Set the table and the time; look at what was restored.
table=promote-records
key=$(aws dynamodb describe-table --table-name $table --query Table.SSEDescription.KMSMasterKeyArn --output text)
sse="Enabled=true,SSEType=KMS,KMSMasterKeyId=$key"
aws dynamodb restore-table-to-point-in-time --source-table-name $table --target-table-name $table-restored \
  --restore-date-time 2026-11-01T12:00:00Z --sse-specification-override $sse
aws dynamodb wait table-exists --table-name $table-restored
backup=$(aws dynamodb create-backup --table-name $table-restored --backup-name $table \
  --query BackupDetails.BackupArn --output text)

# 2. The backup gets the name, and with it the permissions.
aws dynamodb update-table --table-name $table --no-deletion-protection-enabled
aws dynamodb delete-table --table-name $table
aws dynamodb wait table-not-exists --table-name $table
aws dynamodb restore-table-from-backup --backup-arn $backup --target-table-name $table \
  --sse-specification-override $sse
aws dynamodb wait table-exists --table-name $table
aws dynamodb update-continuous-backups --table-name $table \
  --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true
aws dynamodb delete-table --table-name $table-restored

# 3. With termination_protection:
aws dynamodb update-table --table-name $table --deletion-protection-enabled

# A table that was deleted: deploy, or create, an empty one; run the first three commands of step 1; set `backup` to the
# newest BackupArn that this prints; run step 2 without its last command.
aws dynamodb list-backups --table-name $table --backup-type SYSTEM

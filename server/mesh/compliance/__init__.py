"""What compliance is shown: reports and the exported audit trail."""

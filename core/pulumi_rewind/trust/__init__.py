"""What the operator has agreed to: code of records, and what a target newly makes the engine do."""

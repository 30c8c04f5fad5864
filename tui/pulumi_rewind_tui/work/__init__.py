"""What the screens have done beside them: in threads and in other processes."""

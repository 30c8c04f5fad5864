"""Before a deploy: can what is about to be deployed be undone? A verdict for each step of an update."""

"""Everything kept of an update, as git objects that outlive the backend's history."""

"""What patches are cut from: scenes, their labels and what these hold."""

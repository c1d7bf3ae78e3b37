"""From patches to training: batches, PyTorch, files of others."""

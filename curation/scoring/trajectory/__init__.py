"""Influence along a training: the training is replayed, and gone through backwards (METHODS 5)."""

"""Published model versions: immutable directories, and one mutable file that says which of them is served."""

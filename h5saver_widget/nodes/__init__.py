"""What a program holds when it walks a file: typed nodes and their attributes."""

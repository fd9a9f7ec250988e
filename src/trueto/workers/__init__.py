"""The other side of the wall: processes in which candidates run, and the protocol they speak."""

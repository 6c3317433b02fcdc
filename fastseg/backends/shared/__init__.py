"""What the two fast backends agree on: how arrays are seen, where voxels lie, which passes a transform takes."""

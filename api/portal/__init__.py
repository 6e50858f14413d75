"""The pages of the delist flow, one file each, in the order of a visit."""

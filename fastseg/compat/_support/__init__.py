"""What the drop-ins share: how hosts are patched, and masks, tensors and distances as hosts know them."""

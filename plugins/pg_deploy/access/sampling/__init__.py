"""Fixed pairs of subject and row, asked on the target while others read and write."""

"""Folders of migrations run whole: by us as a deployment, by plain psql beside it, and compared."""

"""What engines are built from: each part is used by the engines of this project, and documented for others."""

"""What the end-to-end tests, the demo and the bench share: driving glckpt from outside."""

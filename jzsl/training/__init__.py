"""What methods are made of: minibatches, epochs in one compiled loop, gradient descent."""

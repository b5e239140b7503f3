"""A small convolutional network on the handwritten digits as 8 x 8 images, all ten classes labelled.

jzsl run configs/digits_images.py

Expect A 98.1 ± 1.0 % over three seeds, some seconds on two cores.
"""

from jzsl.config import Experiment, Train
from jzsl.data.digits_images import DigitImages
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.nets.small_cnn import SmallCNN
from jzsl.tasks.adaptation import Adaptation

CONFIG = Experiment(
    data=DigitImages(unseen=()),
    method=ImageClassifier(network=SmallCNN(channels=(32, 64))),
    tasks=(Adaptation(),),  # test samples of seen classes, here of the same domain
    train=Train(epochs=20),
    seeds=3,
)

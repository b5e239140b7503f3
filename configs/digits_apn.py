"""APN on the handwritten digits as 8 x 8 images with stroke semantics; digits 3, 5 and 6 have no labelled samples.

    jzsl run configs/digits_apn.py

Expect T1 65.2 ± 4.2 % over ten seeds, half a minute on two cores: less than the generator of configs/digits_abp.py.
The heads learn 18 attributes from seven seen classes. Accuracies on the 21 pairs of seen digits held out in turn
(58.8 %, standard error 2.9 %) differ by less than two standard errors between networks, learning rates and weights of
the local loss, so these are round values.
"""

from jzsl.config import Experiment, Train
from jzsl.data.digits_images import DigitImages
from jzsl.methods.apn import APN
from jzsl.nets.small_cnn import SmallCNN
from jzsl.training.augment.augment import Sequence
from jzsl.training.augment.crop import ReflectedTranslation
from jzsl.training.optimizers.adam import Adam

APN_OF_DIGITS = APN(
    network=SmallCNN(channels=(32, 64)),
    optimizer=Adam(1e-2, beta1=0.5),
    augment=Sequence((ReflectedTranslation(1),)),
)
CONFIG = Experiment(data=DigitImages(), method=APN_OF_DIGITS, train=Train(epochs=30))

"""HAS on the handwritten digits as 8 x 8 images with stroke semantics; digits 3, 5 and 6 have no labelled samples.

    jzsl run configs/digits_has.py

The model is that of configs/digits_apn.py. Expect T1 71.6 ± 10.8 % over ten seeds, a minute on two cores: 6.4 points
more than APN (paired, p = 0.07), with a wide spread. On pairs of held-out seen digits the two do not differ (55.9 %
after 20 epochs, 58.8 % for APN, standard errors 2.4 and 2.9 %), so the gain may be one on these three unseen digits
alone.
"""

from jzsl.config import Experiment, Train
from jzsl.data.digits_images import DigitImages
from jzsl.methods.adversarial_samples import AdversarialSamples
from jzsl.methods.apn import APN
from jzsl.methods.has import HAS
from jzsl.nets.small_cnn import SmallCNN
from jzsl.training.augment.augment import Sequence
from jzsl.training.augment.crop import ReflectedTranslation
from jzsl.training.optimizers.adam import Adam

APN_OF_DIGITS = APN(
    network=SmallCNN(channels=(32, 64)),
    optimizer=Adam(1e-2, beta1=0.5),
    augment=Sequence((ReflectedTranslation(1),)),
)
CONFIG = Experiment(
    data=DigitImages(),
    method=HAS(APN_OF_DIGITS, AdversarialSamples(steps=3, step_size=8)),  # images have 17 grey levels, 16 of 255 apart
    train=Train(epochs=30),
)

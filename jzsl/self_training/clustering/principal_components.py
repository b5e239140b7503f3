"""The first principal components, on which clusterings work."""

import numpy as np
from jaxtyping import Float

_COMPONENTS = 50


def principal_components(x: Float[np.ndarray, "m d"], seed: int) -> Float[np.ndarray, "m e"]:
    """At most 50 of them, in descending order of variance."""
    from sklearn.decomposition import PCA  # a second to import, for runs that need it

    return PCA(min(_COMPONENTS, *x.shape), random_state=seed).fit_transform(x)

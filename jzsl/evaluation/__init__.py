"""The protocol object, which alone holds test labels, and the views, which never do."""

"""Parts for gan_zoo, by entry points. This file stays empty, so that gan_zoo can list the parts at no cost."""

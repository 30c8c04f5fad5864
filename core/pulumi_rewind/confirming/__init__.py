"""Updates that are taken back unless somebody confirms them: arming, waiting, taking back."""

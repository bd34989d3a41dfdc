/* Every program whose names are known. A file is the first one's whose signs it bears, so that of two alike the
 * narrower stands first. */
SOURCE(san)
SOURCE(clip_l14)
SOURCE(clip_b16)
SOURCE(beit)
SOURCE(swin_timm)
SOURCE(swin)
SOURCE(mit)
SOURCE(twins)
SOURCE(vit)
SOURCE(vit_jax)
SOURCE(stdc2)
SOURCE(stdc1)

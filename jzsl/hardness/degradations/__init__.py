"""Images made harder by degrees: contrast, blur, noise, occlusion (AVH paper, section 3.2 and appendix B)."""

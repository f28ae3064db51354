"""Plain words for events, votes and labels of logs, and whether each means an interaction. No torch."""

from __future__ import annotations

import re

_YES = """
    yes y true t positive pos good up thumbsup thumbup upvote 👍 click clicked clicks view viewed views pageview pv productview
    viewitem browse visit open cart addtocart addcart add added basket addtobasket checkout begincheckout purchase purchased buy
    bought order ordered transaction sale sold conversion converted like liked love loved favorite favourite fav favorited save
    saved collect collected bookmark bookmarked wishlist addtowishlist addtofavorites follow followed subscribe share shared
    comment commented review reviewed rate rated rating play played listen listened watch watched stream streamed read complete
    completed finish finished download downloaded install installed borrow borrowed rent rented book booked reply repost retweet
    recommended
    是 喜欢 推荐 点击 浏览 查看 收藏 关注 加购 加入购物车 购物车 购买 下单 支付 播放 观看 点赞 分享 评论 评分 下载
"""
_NO = """
    no n false f negative neg bad down thumbsdown thumbdown downvote 👎 dislike disliked unlike unliked hate hated impression
    impressions exposure exposed show shown display displayed noclick notclicked skip skipped ignore ignored dismiss dismissed
    hide hidden block blocked report reported notinterested remove removed removefromcart removecart removefrombasket
    deletefromcart removefromwishlist removefromfavorites unfavorite unfavourite unfollow unfollowed unsubscribe delete deleted
    return returned returns refund refunded cancel cancelled canceled cancellation uninstall uninstalled abandon abandoned
    notrecommended
    否 不喜欢 不推荐 曝光 展示 未点击 取消 取消收藏 取消关注 移出购物车 删除 退货 退款 踩 屏蔽
"""
YES, NO = frozenset(_YES.split()), frozenset(_NO.split())


def meaning(value: str) -> bool | None:
    """Whether a row with this value is an interaction; None where the value does not tell."""
    word = re.sub(r"[\W_]+", "", value.casefold()) or value.strip()
    return True if word in YES else False if word in NO else None
